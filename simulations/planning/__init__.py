"""Questions asked before a roll-out: what another policy would let pass, what a link carries, how a real tree behaves."""
