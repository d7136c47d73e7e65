"""nova.virt.testbed.TestbedDriver: nova's fake virt driver, with guests that outlive nova-compute.

nova.virt.fake.FakeDriver keeps its guests in the memory of nova-compute; with libvirt they live on when
nova-compute dies and are found again when it starts. This driver keeps one small file per guest,
guests/HOST/UUID ("POWERSTATE NAME"), so

* a killed nova-compute leaves its guests "running" on its host;
* a guest whose file says "running" runs only while its host holds the lock power/HOST, which the kernel
  drops with the node's last process (see guests.sh);
* two hosts that run the same guest at the same time are visible from outside.

guests/journal has one line for each change: TIME HOST EVENT UUID [MORE]. The event DUAL is written when
a guest is started while another host, one that has power, still runs it.

Knobs: files ctl/NAME.HOST, else ctl/NAME, read at each spawn. spawn_delay: seconds that a spawn takes;
spawn_fail: if there, spawns raise; spawn_fail_server: uuids whose spawns raise; shared_storage: if
there, instance_on_disk() is true, so an evacuation does not rebuild the disk.
"""
import fcntl
import os
import time

from nova.compute import power_state
from nova import exception
from nova.virt import fake
from oslo_log import log as logging

LOG = logging.getLogger(__name__)
ROOT = os.environ['TESTBED_SHARED']
NAMES = power_state.STATE_MAP
STATES = {name: state for state, name in NAMES.items()}


def has_power(host):
    try:
        with open(os.path.join(ROOT, 'power', host)) as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


class TestbedDriver(fake.FakeDriver):
    vcpus = 1000    # room for every guest of a test on one host

    def _ctl(self, name):
        for path in ('%s.%s' % (name, self._host), name):
            try:
                with open(os.path.join(ROOT, 'ctl', path)) as f:
                    return f.read().strip() or '1'
            except FileNotFoundError:
                pass
        return None

    def _path(self, uuid='', host=None):
        return os.path.join(ROOT, 'guests', host or self._host, uuid)

    def _journal(self, event, uuid, more=''):
        # one write, so lines of several hosts do not mix
        line = '%.3f %s %s %s %s\n' % (time.time(), self._host, event, uuid, more)
        fd = os.open(os.path.join(ROOT, 'guests', 'journal'),
                     os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)

    def _write(self, uuid, state, name, host=None):
        tmp = self._path('.%s-%s' % (self._host, uuid), host)
        with open(tmp, 'w') as f:
            f.write('%s %s\n' % (state, name))
        os.rename(tmp, self._path(uuid, host))

    def _keep(self, instance, state, event):
        self._write(instance.uuid, NAMES[state], instance.name)
        self._journal(event, instance.uuid, NAMES[state])

    def _change(self, instance, state, event):
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        self.instances[instance.uuid].state = state
        self._keep(instance, state, event)

    # ---- the same guest on other hosts
    def _elsewhere(self, uuid):
        """(host, name) of every other host whose file says that it runs this guest."""
        for host in os.listdir(os.path.join(ROOT, 'guests')):
            if host == self._host:
                continue
            try:
                with open(self._path(uuid, host)) as f:
                    words = f.read().split()
            except (FileNotFoundError, NotADirectoryError):
                continue
            if words and words[0] == 'running':
                yield host, words[-1]

    def _settle(self, uuid):
        """Guests of hosts without power do not run, whatever their files say."""
        for host, name in list(self._elsewhere(uuid)):
            if not has_power(host):
                self._write(uuid, NAMES[power_state.SHUTDOWN], name, host)
                self._journal('POWEROFF', uuid, 'seen-for=' + host)

    def _check_dual(self, uuid, when):
        for host, _name in list(self._elsewhere(uuid)):
            if has_power(host):
                self._journal('DUAL', uuid, 'also-on=%s %s' % (host, when))
                LOG.error('testbed: %s still runs on %s', uuid, host)

    # ---- the virt driver
    def init_host(self, host):
        super().init_host(host)
        os.makedirs(self._path(), exist_ok=True)
        for uuid in sorted(os.listdir(self._path())):
            if uuid.startswith('.'):
                continue
            with open(self._path(uuid)) as f:
                state, name = f.read().split()
            self.instances[uuid] = fake.FakeInstance(name, STATES[state], uuid)
        LOG.info('testbed: %d guests found on this host', len(self.instances))

    def spawn(self, context, instance, *args, **kwargs):
        if instance.uuid in (self._ctl('spawn_fail_server') or ''):
            raise exception.InternalError('testbed: spawn_fail_server names this server')
        delay = self._ctl('spawn_delay')
        if delay:
            time.sleep(float(delay))
        if self._ctl('spawn_fail'):
            raise exception.InternalError('testbed: spawn_fail is set')
        self._settle(instance.uuid)
        self._check_dual(instance.uuid, 'before-spawn')
        super().spawn(context, instance, *args, **kwargs)
        self._keep(instance, self.instances[instance.uuid].state, 'SPAWN')
        # two hosts that spawn at the same moment see each other only now
        self._check_dual(instance.uuid, 'after-spawn')

    def destroy(self, context, instance, *args, **kwargs):
        super().destroy(context, instance, *args, **kwargs)
        try:
            os.unlink(self._path(instance.uuid))
            self._journal('DESTROY', instance.uuid)
        except FileNotFoundError:
            pass

    def live_migration(self, context, instance, dest, post_method, *args, **kwargs):
        # The guest stops here before the destination says that it runs there.
        self.destroy(context, instance, None)
        super().live_migration(context, instance, dest, post_method, *args, **kwargs)

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._change(instance, power_state.SHUTDOWN, 'OFF')

    def power_on(self, context, instance, network_info,
                 block_device_info=None, accel_info=None):
        self._settle(instance.uuid)
        self._change(instance, power_state.RUNNING, 'ON')
        self._check_dual(instance.uuid, 'after-power-on')

    def pause(self, instance):
        self._change(instance, power_state.PAUSED, 'PAUSE')

    def unpause(self, instance):
        self._change(instance, power_state.RUNNING, 'UNPAUSE')

    def suspend(self, context, instance):
        self._change(instance, power_state.SUSPENDED, 'SUSPEND')

    def resume(self, context, instance, network_info, block_device_info=None):
        self._change(instance, power_state.RUNNING, 'RESUME')

    def instance_on_disk(self, instance):
        return bool(self._ctl('shared_storage'))
