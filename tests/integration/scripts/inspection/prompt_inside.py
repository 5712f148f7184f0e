# A prompt that the script opens on its own names.
import code

value = 20
code.interact(banner="here", local=globals(), exitmsg="there")
print(value, later)
