/* For `bytes` alone: memcpy of as much between two places that stay where they are. The bottom of everything. */
#include "contestant.h"

static Case the_case;
static uint8_t *target;

static void copy(void) {
  memcpy(target, the_case.steps[0].data, the_case.steps[0].length);
  sink += target[the_case.steps[0].length / 2];
}

int main(int argc, char **argv) {
  if (argc != 3) die("usage: memcpy STEPS BYTES");
  the_case = read_case(argv[1]);
  target = malloc(the_case.steps[0].length);
  serve((Contestant){ copy, copy, NULL });
}
