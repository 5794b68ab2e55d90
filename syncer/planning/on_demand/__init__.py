"""What a channel on demand has of what it lists: promised, fetched ahead, or given up again.

Public: ``promising`` (what may be promised), ``ahead`` (what ``warm`` fetches), ``eviction`` (what
gives up its bytes).
"""
