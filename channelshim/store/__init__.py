"""What must outlive the process: the contracts of contracts/store.py, in SQL."""
