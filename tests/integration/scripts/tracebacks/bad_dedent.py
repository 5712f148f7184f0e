# A syntax error: an indentation that matches none before it.
if True:
        x = 1
    y = 2
