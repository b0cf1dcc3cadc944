"""The explorer's pages, one script each, and `shell`, which they share."""
