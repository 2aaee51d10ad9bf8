"""What a systemd unit says, as far as the tests here do what systemd would."""

import shlex


class Unit:
    def __init__(self, path):
        self.values = {}
        section = ""
        for line in path.read_text().splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith(("#", ";")):
                key, _, value = line.partition("=")
                self.values.setdefault((section, key.strip()), []).append(value.strip())

    def all(self, key, section="Service"):
        return self.values.get((section, key), [])

    def the(self, key, section="Service"):
        values = self.all(key, section)
        if len(values) != 1:
            raise SystemExit(f"FAIL: the unit says {key} {len(values)} times")
        return values[0]

    def words(self, key):
        return shlex.split(self.the(key))
