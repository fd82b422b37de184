#include "greentic.h"

/* Answers a text in capitals, as JSON: {"text":"HELLO"}. */
outcome execute(const message *input) {
  static const char head[] = "{\"text\":\"", tail[] = "\"}";
  char *out = allocate(sizeof head + input->content.size * 2 + sizeof tail);
  size_t size = 0;
  for (const char *from = head; *from != 0; from++) out[size++] = *from;
  for (size_t i = 0; i < input->content.size; i++) {
    char c = input->content.bytes[i];
    if ((unsigned char)c < 0x20) return (outcome){false, {"control characters", 18}};
    if (c == '"' || c == '\\') out[size++] = '\\';
    out[size++] = c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
  }
  for (const char *from = tail; *from != 0; from++) out[size++] = *from;
  return (outcome){true, {out, size}};
}
