# A syntax error in a module that is imported.
print("before")
import bad_syntax
