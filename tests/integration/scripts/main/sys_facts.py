# What Python says about itself, and how it was set up.
import site
import sys
import sysconfig

print(sys.flags)
for name in """executable prefix base_prefix exec_prefix base_exec_prefix _base_executable platlibdir _stdlib_dir
               dont_write_bytecode pycache_prefix warnoptions _xoptions implementation version hexversion _home
               ps1 last_value last_type last_exc""".split():
    print(name, getattr(sys, name, "missing"))
print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile(), sys.getdlopenflags())
print(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding())
print(sysconfig.get_paths(), site.getsitepackages(), site.ENABLE_USER_SITE)
print(exit, quit, copyright is not None)
