"""The contracts that join rooms: Protocols and plain records, no behaviour.

Implementations stand on higher floors. The guarantee of each method is part of its
contract; every back end passes the same tests (tests/broker/test_contract.py,
tests/store/).
"""
