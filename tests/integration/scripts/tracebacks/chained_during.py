# An error while another one is handled, and one in `finally`.
def fall():
    try:
        {}["missing"]
    except KeyError:
        try:
            [].pop()
        finally:
            undefined_name


fall()
