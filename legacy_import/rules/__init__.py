"""What one value of an old database means, and which rows are refused. Nothing in this package moves a row."""
