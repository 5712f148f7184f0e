#### helper_module_removed
# dill: load fails: ModuleNotFoundError
# lost: shapes_gone: put its directory on PYTHONPATH
# lost: gone_shape: shapes_gone
# lost: gone_list: needs the module shapes_gone
# check: safe_of_gone == {"a": [1]}
import shapes_gone
safe_of_gone = {"a": [1]}
gone_shape = shapes_gone.Shape()
gone_list = [safe_of_gone, gone_shape]
## file shapes_gone.py
class Shape: n = 1
## between
import os; os.remove("shapes_gone.py")

#### helper_module_renamed
# dill: load fails: ModuleNotFoundError
# lost: old_name: old_name
# lost: from_old: old_name
# check: safe_of_renamed == [1] and uses_renamed.__name__ == "uses_renamed"
import old_name
from_old = old_name.Thing()
safe_of_renamed = [1]
def uses_renamed(): return old_name.Thing()
## file old_name.py
class Thing: n = 1
## between
import os; os.rename("old_name.py", "new_name.py")

#### class_removed_from_its_module
# dill: load fails: AttributeError
# lost: removed_thing: shrinking
# check: other_of_shrinking.n == 2 and type(other_of_shrinking) is shrinking.Other
import shrinking
removed_thing = shrinking.Thing()
other_of_shrinking = shrinking.Other()
## file shrinking.py
class Thing: n = 1
class Other: n = 2
## between
open("shrinking.py", "w").write("class Other: n = 2\n")

#### class_moved_in_its_package
# dill: load fails: AttributeError
# lost: part_thing: package_of.part
# check: safe_of_package == [1] and package_of.n == 5
import package_of
from package_of.part import Thing as PartThing
part_thing = PartThing()
del PartThing
safe_of_package = [1]
## file package_of/__init__.py
n = 5
## file package_of/part.py
class Thing: pass
## between
import os; os.rename("package_of/part.py", "package_of/moved.py")

#### state_that_no_longer_fits
# dill: load fails: KeyError
# lost: settings: KeyError: 'new_field'
# check: safe_of_changed == {"x": 1}
import changing
settings = changing.Settings()
safe_of_changed = {"x": 1}
## file changing.py
class Settings:
    def __init__(self): self.old_field = 1
## between
open("changing.py", "w").write("class Settings:\n    def __setstate__(self, state): self.x = state['new_field']\n")

#### module_that_fails_to_import
# dill: load fails: RuntimeError
# lost: failing_later: RuntimeError: no licence
# lost: licensed: no licence
# check: safe_of_failing == [1]
import failing_later
licensed = failing_later.Tool()
safe_of_failing = [1]
## file failing_later.py
class Tool: pass
## between
open("failing_later.py", "w").write("raise RuntimeError('no licence')\n")

#### module_that_exits_on_import
# dill: load fails: SystemExit
# lost: exiting_later: SystemExit
# lost: exiting_tool: SystemExit
# check: safe_of_exiting == [1]
import exiting_later
exiting_tool = exiting_later.Tool()
safe_of_exiting = [1]
## file exiting_later.py
class Tool: pass
## between
open("exiting_later.py", "w").write("import sys; sys.exit('no')\n")

#### setstate_that_raises
# dill: load fails: OSError
# left out: fragile: OSError: not connected
# check: shared_of_fragile == ["s"]
shared_of_fragile = ["s"]
class Fragile:
    def __setstate__(self, state): raise OSError("not connected")
fragile = Fragile()
fragile.shared = shared_of_fragile
around_fragile = (shared_of_fragile, fragile)

#### constructor_that_exits
# dill: load fails: SystemExit
# left out: quitter: SystemExit
# check: safe_of_quitter == [1]
import sys
class Quitter:
    def __reduce__(self): return (sys.exit, (7,))
quitter = Quitter()
safe_of_quitter = [1]

#### helper_base_class_changed
# dill: fine
# check: child_of_base.hello() == "new" and isinstance(child_of_base, bases.Base)
# restored only: the module was older before
import bases
class Child(bases.Base): pass
child_of_base = Child()
## file bases.py
class Base:
    def hello(self): return "old"
## between
open("bases.py", "w").write("# of another size, so that no cached code is taken\nclass Base:\n    def hello(self): return 'new'\n")

#### slots_added_to_a_class
# dill: load fails: AttributeError
# lost: narrow: AttributeError
# check: safe_of_narrow == [1]
import narrowing
narrow = narrowing.Narrow()
narrow.free = 1
safe_of_narrow = [1]
## file narrowing.py
class Narrow: pass
## between
open("narrowing.py", "w").write("class Narrow: __slots__ = ('kept',)\n")

#### shared_between_good_and_bad
# dill: load fails: ModuleNotFoundError
# lost: vanishing: vanishing
# lost: first_holder: vanishing
# check: second_holder == [["shared", 1]]
# note: the shared list is pickled within the bad one, and comes back from there
import vanishing
def make_holders():
    shared = ["shared", 1]
    return [shared, vanishing.Thing()], [shared]
first_holder, second_holder = make_holders()
## file vanishing.py
class Thing: pass
## between
import os; os.remove("vanishing.py")
