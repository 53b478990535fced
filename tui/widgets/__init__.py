"""The console's own widgets: lines, a live table, and the bars at the edges."""
