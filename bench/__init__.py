"""Measures channelshim beside what one would pick instead of it.

Run by scripts/bench. Not shipped; the programs of the peers are in bench/peers, the
load generator and the floor, both in C, in bench/client and bench/floor.
"""
