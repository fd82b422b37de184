/* The canonical ABI of `execute: func(input: message) -> outcome`, for freestanding C. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8, not terminated. */
typedef struct {
  const char *bytes;
  size_t size;
} text;

/* record message, in the order of wit/world.wit */
typedef struct {
  text id;
  text content;
  text sender;
  uint64_t timestamp;
} message;

/* record outcome: `data` where success is true, `error` where it isn't. */
typedef struct {
  bool success;
  text value;
} outcome;

/* What a component defines. What it allocates lives until the call ends. */
outcome execute(const message *input);
void *allocate(size_t size);
