#### enum_of_the_script
# seen: cloudpickle#244, dill#250, dill#450
# dill: load fails: AttributeError
# check: red is Color.RED and Color(1) is red and Color["BLUE"].value == 2 and list(Color) == [Color.RED, Color.BLUE] and palette == {Color.RED: "r"} and red.shout() == "RED!"
import enum
class Color(enum.Enum):
    RED = 1
    BLUE = 2
    CRIMSON = 1
    def shout(self): return self.name + "!"
red = Color.RED
palette = {Color.RED: "r"}

#### enum_that_is_an_int
# seen: cloudpickle#244
# dill: load fails: AttributeError
# check: Level.HIGH == 3 and level is Level.HIGH and Level.HIGH > Level.LOW
import enum
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3
level = Level.HIGH

#### enum_that_is_text
# seen: cloudpickle#246
# dill: load fails: AttributeError
# check: Mode.READ == "r" and mode is Mode.READ and f"{Mode.READ.value}" == "r"
import enum
class Mode(str, enum.Enum):
    READ = "r"
mode = Mode.READ

#### enum_of_flags
# seen: dill#450
# dill: load fails: AttributeError
# check: allowed == Right.READ | Right.WRITE and Right.READ in allowed and allowed is Right(3)
import enum
class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
allowed = Right.READ | Right.WRITE

#### enum_with_its_own_new
# seen: cpython#89709
# dill: load fails: AttributeError
# check: earth is Planet.EARTH and Planet(3) is earth and earth.mass == 5.97 and earth.radius() == 6
import enum
class Planet(enum.Enum):
    EARTH = (3, 5.97)
    def __new__(cls, number, mass):
        made = object.__new__(cls)
        made._value_, made.mass = number, mass
        return made
    def radius(self): return self.value * 2
earth = Planet.EARTH

#### enum_by_its_function
# dill: load fails: AttributeError
# check: Animal.CAT is cat and Animal["DOG"].value == 2
import enum
Animal = enum.Enum("Animal", "CAT DOG")
cat = Animal.CAT

#### enum_in_a_dataclass
# dill: load fails: AttributeError
# check: ticket == Ticket("x", State.OPEN) and ticket.state is State.OPEN and Ticket("y").state is State.OPEN
import enum
from dataclasses import dataclass
class State(enum.Enum):
    OPEN = "open"
    DONE = "done"
@dataclass
class Ticket:
    name: str
    state: State = State.OPEN
ticket = Ticket("x")

#### enum_of_a_library
# seen: dill#548
# dill: fine
# check: method is HTTPStatus.OK and signal_name is signal.SIGINT
import signal
from http import HTTPStatus
method = HTTPStatus.OK
signal_name = signal.SIGINT
