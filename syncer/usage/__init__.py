"""What the LAN asks for: nginx's log of requests, folded into counts.

Guaranteed: a line is counted once, whatever ends this program and whenever; nginx neither waits
for it nor fails without it; no address of a client is kept unless USAGE_CLIENTS says so. Not
guaranteed: that nothing is missed. A log that was removed is not mourned, and what clients answer
out of their own caches nobody sees.

Public: ``Counts`` (what is known), ``Collector`` (what the log has to say), ``report`` (questions).
"""
