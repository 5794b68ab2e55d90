"""Our own writer: an index from the committed rows, equal to what ``conda index`` writes."""
