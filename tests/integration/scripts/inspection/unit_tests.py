# unittest.main() finds the script's tests, and sets the exit code.
import io
import unittest


class Tests(unittest.TestCase):
    def test_good(self):
        self.assertEqual(1, 1)

    def test_bad(self):
        self.assertEqual(1, 2)


class Runner(unittest.TextTestRunner):
    def __init__(self, **options):
        super().__init__(stream=io.StringIO())

    def run(self, test):
        result = super().run(test)
        print(result, [text for _, text in result.failures])
        return result


unittest.main(testRunner=Runner)
