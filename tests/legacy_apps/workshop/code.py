# A module named as one of the standard library's is.
def answer():
    return 42L
