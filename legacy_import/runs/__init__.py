"""When an import does what: its life, who may do what with it, and the files it works on."""
