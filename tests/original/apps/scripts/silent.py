nothing = True
