# A SyntaxWarning is shown with the script's line.
x = 1
if x is 1:
    print("\d is no escape")
