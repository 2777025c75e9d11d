// What of Moka is visible outside libmoka.so; everything else is hidden.
#pragma once

#define MOKA_EXPORT __attribute__((visibility("default")))
