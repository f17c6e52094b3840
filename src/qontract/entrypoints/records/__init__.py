"""What commands and routes show: JSON and lines of text."""
