/* Lifts and lowers execute's arguments by hand: seven flat parameters come in, a pointer to the outcome goes out. */
#include "greentic.h"

/* One arena for the call: the host takes a fresh instance for every call, and post-return empties it where it doesn't. */
static _Alignas(16) unsigned char arena[1 << 20];
static size_t used;

void *allocate(size_t size) {
  size_t at = (used + 15) & ~(size_t)15;
  if (at > sizeof arena || size > sizeof arena - at) __builtin_trap();
  used = at + size;
  return arena + at;
}

/* The host asks for the memory of what it passes in. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)align;
  unsigned char *made = allocate(size);
  for (size_t i = 0; i < old_size && i < size; i++) made[i] = ((unsigned char *)old)[i];
  return made;
}

/* option<string> */
typedef struct {
  uint8_t is_some;
  const char *bytes;
  size_t size;
} flat_text;

typedef struct {
  uint8_t success;
  flat_text data;
  flat_text error;
} flat_outcome;

__attribute__((export_name("execute"))) const flat_outcome *export_execute(
    const char *id, size_t id_size, const char *content, size_t content_size, const char *sender, size_t sender_size,
    uint64_t timestamp) {
  static flat_outcome flat;
  message input = {{id, id_size}, {content, content_size}, {sender, sender_size}, timestamp};
  outcome result = execute(&input);
  flat_text value = {1, result.value.bytes, result.value.size}, none = {0, 0, 0};
  flat.success = result.success;
  flat.data = result.success ? value : none;
  flat.error = result.success ? none : value;
  return &flat;
}

__attribute__((export_name("cabi_post_execute"))) void post_execute(const flat_outcome *flat) {
  (void)flat;
  used = 0;
}
