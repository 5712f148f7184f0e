# A module that imports itself half way.
from import_error_inner import later

later = 1
