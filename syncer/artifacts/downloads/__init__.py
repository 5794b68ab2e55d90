"""Artifacts on their way in: from an upstream into staging, verified while they come.

Guaranteed: what ``staging.Staging`` reports as staged has the bytes that its record promises. An
interrupted download goes on where it stopped. Nothing here is durable yet and nothing is served.
"""
