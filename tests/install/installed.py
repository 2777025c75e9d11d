"""What the tests of the installed tree share: commands that must work, and a plugin author's environment."""
import os
import shutil
import subprocess


def run(*words, **options):
    """The output of a command that must work."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))} gave {done.returncode}:\n{done.stdout}")
    return done.stdout


def author(folder, **variables):
    """The environment of somebody who builds plugins in a folder: all warnings, and nothing of ours."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("MOKA_", "CMAKE_", "GLOG_"))}
    environment = dict(kept, LC_ALL="C.UTF-8", CXXFLAGS="-Wall -Wextra -Wpedantic",
                       CCACHE_BASEDIR=str(folder), CCACHE_NOHASHDIR="1", **variables)
    if shutil.which("ccache"):
        environment["CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
    return environment
