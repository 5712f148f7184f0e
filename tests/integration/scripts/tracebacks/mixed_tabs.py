# A syntax error: tabs and spaces are mixed.
if True:
        x = 1
	y = 2
