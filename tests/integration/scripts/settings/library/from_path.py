# A module that is found by PYTHONPATH.
WHERE = __file__
