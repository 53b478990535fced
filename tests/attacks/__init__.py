"""What a curious reader could work out of what is released: every attack of POLICY's table, run against the product."""
