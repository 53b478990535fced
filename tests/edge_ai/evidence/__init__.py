"""Evidence: choice of frame, masks, files."""
