"""Files and folders on this server's disks."""
