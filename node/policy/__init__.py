"""The bundles in force at this node: kept, issued, sliced, and what they show to whom."""
