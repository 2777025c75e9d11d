// moka-probe: the process in which Moka tries a plugin before it loads it. Started by LoadPlugin.
#include "moka/plugin_files.h"

int main(int argc, char** argv) { return moka::RunPluginProbe(argc, argv); }
