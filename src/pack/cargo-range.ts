import { Range, valid } from "semver";
import { GreenticError, quote } from "../types/index.ts";

/**
 * Converts a version requirement by Cargo's rules to a semver range: "1.2.3" means ^1.2.3, commas are "and", "=1.2" is any
 * patch of 1.2, and the operators are ^ ~ = > >= < <= and the wildcard `*` as a last part.
 * @throws PACK_RANGE_INVALID
 * @see https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html
 */
export function cargoRange(requirement: string): Range {
  const comparators = requirement.split(",").map((part) => convert(part.trim(), requirement));
  return new Range(comparators.join(" "));
}

const COMPARATOR =
  /^(\^|~|>=|<=|=|>|<)?\s*(\*|(?:0|[1-9]\d{0,8})(?:\.(?:\*|(?:0|[1-9]\d{0,8})(?:\.(?:\*|(?:0|[1-9]\d{0,8})(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?))?))?)$/;

function convert(text: string, whole: string): string {
  const [, operator = "", version = ""] = COMPARATOR.exec(text) ?? [];
  if (version === "") throw invalid(whole);
  const plain = version.replace(/\+.*$/, "");
  const parts = plain.split("-", 1)[0]?.split(".") ?? [];
  const isWild = parts.includes("*");
  if (isWild) {
    // Cargo takes the wildcard with "=" or alone, where it means what npm's x-range means.
    if (operator !== "" && operator !== "=") throw invalid(whole);
    return plain === "*" ? ">=0.0.0" : plain;
  }
  if (plain.includes("-") && valid(plain) === null) throw invalid(whole);
  if (operator === "") return `^${plain}`;
  if (operator === "=") return plain;
  return `${operator}${plain}`;
}

function invalid(requirement: string): GreenticError {
  return new GreenticError(
    "PACK_RANGE_INVALID",
    `Read version range: expected Cargo's syntax, got ${quote(requirement)}`,
  );
}
