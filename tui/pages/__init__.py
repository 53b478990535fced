"""The console's pages: one file per list or detail, all on the frame of `page.py`."""
