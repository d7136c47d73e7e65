"""Runs nova-compute, as Debian's /usr/bin/nova-compute does (whose package would bring libvirt and
qemu), after making the testbed's virt driver importable as nova.virt.testbed."""
import importlib.util
import os
import sys

import nova.cmd.compute  # noqa: F401  monkey-patches, so it comes first
import nova.virt

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'driver.py')
spec = importlib.util.spec_from_file_location('nova.virt.testbed', path)
module = importlib.util.module_from_spec(spec)
sys.modules['nova.virt.testbed'] = module
nova.virt.testbed = module
spec.loader.exec_module(module)

if __name__ == '__main__':
    sys.exit(nova.cmd.compute.main())
