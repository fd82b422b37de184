import { ALLOCATOR } from "./echo-component.ts";
import { MEMORY } from "./wat-component.ts";

// Components in the text format that tests of several parts use.

/** A component that defines a resource, one that uses it, and the two put together. */
export const COUNTERS = `(component
  (component $counters
    (core module $d
      (global $sum (mut i32) (i32.const 0))
      (func (export "dtor") (param i32) (global.set $sum (i32.add (global.get $sum) (local.get 0))))
      (func (export "dropped") (result i32) (global.get $sum)))
    (core instance $d (instantiate $d))
    (type $c (resource (rep i32) (dtor (core func $d "dtor"))))
    (core func $new (canon resource.new $c))
    (core func $rep (canon resource.rep $c))
    (core func $drop (canon resource.drop $c))
    (core module $m
      (import "c" "new" (func $new (param i32) (result i32)))
      (import "c" "rep" (func $rep (param i32) (result i32)))
      (import "c" "drop" (func $drop (param i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "get") (param i32) (result i32) (local.get 0))
      (func (export "consume") (param i32) (result i32) (local i32)
        (local.set 1 (call $rep (local.get 0))) (call $drop (local.get 0)) (local.get 1)))
    (core instance $i (instantiate $m (with "c" (instance
      (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
    (export $counter "counter" (type $c))
    (func (export "make") (param "n" u32) (result (own $counter)) (canon lift (core func $i "make")))
    (func (export "get") (param "c" (borrow $counter)) (result u32) (canon lift (core func $i "get")))
    (func (export "consume") (param "c" (own $counter)) (result u32) (canon lift (core func $i "consume")))
    (func (export "dropped") (result u32) (canon lift (core func $d "dropped"))))
  (component $user
    (import "counters" (instance $in
      (export "counter" (type $counter (sub resource)))
      (export "make" (func (param "n" u32) (result (own $counter))))
      (export "get" (func (param "c" (borrow $counter)) (result u32)))
      (export "consume" (func (param "c" (own $counter)) (result u32)))))
    (alias export $in "counter" (type $counter))
    (core func $make (canon lower (func $in "make")))
    (core func $get (canon lower (func $in "get")))
    (core func $consume (canon lower (func $in "consume")))
    (core func $drop (canon resource.drop $counter))
    (core module $m
      (import "c" "make" (func $make (param i32) (result i32)))
      (import "c" "get" (func $get (param i32) (result i32)))
      (import "c" "consume" (func $consume (param i32) (result i32)))
      (import "c" "drop" (func $drop (param i32)))
      (func (export "lend") (param i32) (result i32) (local i32 i32)
        (local.set 1 (call $make (local.get 0))) (local.set 2 (call $get (local.get 1)))
        (call $drop (local.get 1)) (local.get 2))
      (func (export "give") (param i32) (result i32) (call $consume (call $make (local.get 0))))
      (func (export "give-twice") (param i32) (result i32) (local i32)
        (local.set 1 (call $make (local.get 0)))
        (drop (call $consume (local.get 1))) (call $consume (local.get 1)))
      (func (export "forge") (param i32) (result i32) (call $get (local.get 0)))
      (func (export "hoard") (param i32) (result i32)
        (loop (drop (call $make (local.get 0))) (br 0)) (unreachable)))
    (core instance $i (instantiate $m (with "c" (instance
      (export "make" (func $make)) (export "get" (func $get))
      (export "consume" (func $consume)) (export "drop" (func $drop))))))
    (func (export "lend") (param "n" u32) (result u32) (canon lift (core func $i "lend")))
    (func (export "give") (param "n" u32) (result u32) (canon lift (core func $i "give")))
    (func (export "give-twice") (param "n" u32) (result u32) (canon lift (core func $i "give-twice")))
    (func (export "forge") (param "n" u32) (result u32) (canon lift (core func $i "forge")))
    (func (export "hoard") (param "n" u32) (result u32) (canon lift (core func $i "hoard"))))
  (instance $a (instantiate $counters))
  (instance $b (instantiate $user (with "counters" (instance $a))))
  (export "t:t/counters" (instance $a))
  (export "lend" (func $b "lend"))
  (export "give" (func $b "give"))
  (export "give-twice" (func $b "give-twice"))
  (export "forge" (func $b "forge"))
  (export "hoard" (func $b "hoard")))`;

/** A component that uses a resource of the host's. */
export const HOSTED = `(component
  (import "t:t/store" (instance $s
    (export "item" (type $item (sub resource)))
    (export "make" (func (param "n" u32) (result (own $item))))
    (export "value" (func (param "i" (borrow $item)) (result u32)))
    (export "swallow" (func (param "i" (own $item))))))
  (alias export $s "item" (type $item))
  (core func $make (canon lower (func $s "make")))
  (core func $value (canon lower (func $s "value")))
  (core func $swallow (canon lower (func $s "swallow")))
  (core func $drop (canon resource.drop $item))
  (core module $m
    (import "s" "make" (func $make (param i32) (result i32)))
    (import "s" "value" (func $value (param i32) (result i32)))
    (import "s" "swallow" (func $swallow (param i32)))
    (import "s" "drop" (func $drop (param i32)))
    (func (export "use") (param i32) (result i32) (local i32 i32)
      (local.set 1 (call $make (local.get 0))) (local.set 2 (call $value (local.get 1)))
      (call $drop (local.get 1)) (local.get 2))
    (func (export "return-it") (param i32) (result i32) (call $make (local.get 0)))
    (func (export "pass") (param i32) (call $swallow (local.get 0)))
    (func (export "look") (param i32) (result i32) (local i32)
      (local.set 1 (call $value (local.get 0))) (call $drop (local.get 0)) (local.get 1))
    (func (export "keep") (param i32) (result i32) (call $value (local.get 0)))
    (func (export "steal") (param i32) (call $swallow (local.get 0))))
  (core instance $i (instantiate $m (with "s" (instance
    (export "make" (func $make)) (export "value" (func $value))
    (export "swallow" (func $swallow)) (export "drop" (func $drop))))))
  (func (export "use") (param "n" u32) (result u32) (canon lift (core func $i "use")))
  (func (export "return-it") (param "n" u32) (result (own $item)) (canon lift (core func $i "return-it")))
  (func (export "pass") (param "i" (own $item)) (canon lift (core func $i "pass")))
  (func (export "look") (param "i" (borrow $item)) (result u32) (canon lift (core func $i "look")))
  (func (export "keep") (param "i" (borrow $item)) (result u32) (canon lift (core func $i "keep")))
  (func (export "steal") (param "i" (borrow $item)) (canon lift (core func $i "steal"))))`;

/** A component behind another: strings in UTF-16 inside, in UTF-8 outside, and the host behind both. */
export const ASKING = `(component
  (import "ask" (func $ask (param "s" string) (result (result string (error string)))))
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get 4) (local.get 3))) (local.get 4)))
  (component $inner
    (import "ask" (func $ask (param "s" string) (result (result string (error string)))))
    (alias outer 1 $libc (core module $libc))
    (core instance $libc (instantiate $libc))
    (core func $f (canon lower (func $ask) string-encoding=utf16
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
      (import "h" "ask" (func $ask (param i32 i32 i32)))
      (import "l" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
      (func (export "run") (param i32 i32) (result i32) (local i32)
        (if (i32.eqz (local.get 1)) (then (loop (br 0))))
        (local.set 2 (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 12)))
        (call $ask (local.get 0) (local.get 1) (local.get 2)) (local.get 2)))
    (core instance $i (instantiate $m (with "h" (instance (export "ask" (func $f)))) (with "l" (instance $libc))))
    (func (export "run") (param "s" string) (result (result string (error string)))
      (canon lift (core func $i "run") string-encoding=utf16
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
  (component $outer
    (import "run" (func $run (param "s" string) (result (result string (error string)))))
    (alias outer 1 $libc (core module $libc))
    (core instance $libc (instantiate $libc))
    (core func $f (canon lower (func $run) (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
      (import "h" "run" (func $run (param i32 i32 i32)))
      (import "l" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
      (func (export "run") (param i32 i32) (result i32) (local i32)
        (local.set 2 (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 12)))
        (call $run (local.get 0) (local.get 1) (local.get 2)) (local.get 2)))
    (core instance $i (instantiate $m (with "h" (instance (export "run" (func $f)))) (with "l" (instance $libc))))
    (func (export "run") (param "s" string) (result (result string (error string)))
      (canon lift (core func $i "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
  (instance $a (instantiate $inner (with "ask" (func $ask))))
  (instance $b (instantiate $outer (with "run" (func $a "run"))))
  (export "run" (func $b "run")))`;

const ITEM = `(export "item" (type $item (sub resource)))
  (export "make" (func (param "n" u32) (result (own $item))))
  (export "value" (func (param "i" (borrow $item)) (result u32)))`;

/** $last looks at a borrowed item, $middle passes it on to $last, $first owns it and lends it to $middle. */
export const CHAIN = `(component
  (import "t:t/store" (instance $store ${ITEM}))
  (alias export $store "item" (type $item))
  (component $last
    (import "t:t/store" (instance $s ${ITEM}))
    (alias export $s "item" (type $item))
    (core func $value (canon lower (func $s "value")))
    (core func $drop (canon resource.drop $item))
    (core module $m
      (import "s" "value" (func $value (param i32) (result i32))) (import "s" "drop" (func $drop (param i32)))
      (global $kept (mut i32) (i32.const 0))
      (func (export "look") (param i32 i32) (result i32) (local i32)
        (local.set 2 (call $value (local.get 0)))
        (if (i32.eq (local.get 1) (i32.const 1)) (then (return (local.get 2))))
        (global.set $kept (local.get 0)) (call $drop (local.get 0)) (local.get 2))
      (func (export "again") (result i32) (call $value (global.get $kept))))
    (core instance $i (instantiate $m (with "s" (instance (export "value" (func $value)) (export "drop" (func $drop))))))
    (func (export "look") (param "i" (borrow $item)) (param "how" u32) (result u32) (canon lift (core func $i "look")))
    (func (export "again") (result u32) (canon lift (core func $i "again"))))
  (component $middle
    (import "t:t/store" (instance $s ${ITEM}))
    (alias export $s "item" (type $item))
    (import "look" (func $look (param "i" (borrow $item)) (param "how" u32) (result u32)))
    (core func $look (canon lower (func $look)))
    (core func $drop (canon resource.drop $item))
    (core module $m
      (import "s" "look" (func $look (param i32 i32) (result i32))) (import "s" "drop" (func $drop (param i32)))
      (func (export "pass") (param i32 i32) (result i32) (local i32)
        (local.set 2 (call $look (local.get 0) (local.get 1)))
        (if (i32.ne (local.get 1) (i32.const 2)) (then (call $drop (local.get 0))))
        (local.get 2)))
    (core instance $i (instantiate $m (with "s" (instance (export "look" (func $look)) (export "drop" (func $drop))))))
    (func (export "pass") (param "i" (borrow $item)) (param "how" u32) (result u32) (canon lift (core func $i "pass"))))
  (component $first
    (import "t:t/store" (instance $s ${ITEM}))
    (alias export $s "item" (type $item))
    (import "pass" (func $pass (param "i" (borrow $item)) (param "how" u32) (result u32)))
    (core func $make (canon lower (func $s "make")))
    (core func $pass (canon lower (func $pass)))
    (core func $drop (canon resource.drop $item))
    (core module $m
      (import "s" "make" (func $make (param i32) (result i32)))
      (import "s" "pass" (func $pass (param i32 i32) (result i32))) (import "s" "drop" (func $drop (param i32)))
      (func (export "run") (param i32) (result i32) (local i32 i32)
        (local.set 1 (call $make (i32.const 7)))
        (local.set 2 (call $pass (local.get 1) (local.get 0)))
        (call $drop (local.get 1)) (local.get 2)))
    (core instance $i (instantiate $m (with "s" (instance
      (export "make" (func $make)) (export "pass" (func $pass)) (export "drop" (func $drop))))))
    (func (export "run") (param "how" u32) (result u32) (canon lift (core func $i "run"))))
  (instance $l (instantiate $last (with "t:t/store" (instance $store))))
  (instance $m (instantiate $middle (with "t:t/store" (instance $store)) (with "look" (func $l "look"))))
  (instance $f (instantiate $first (with "t:t/store" (instance $store)) (with "pass" (func $m "pass"))))
  (export "run" (func $f "run")) (export "again" (func $l "again")))`;

/** A guest's resource inside every kind of value, from the component that defines it to one that uses it. */
export const NESTED = `(component
  (component $maker
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core module $m (import "r" "new" (func $new (param i32) (result i32))) ${MEMORY}
      (func (export "make") (param i32) (result i32)
        ;; record { a: own, b: option<own>, c: list<own>, d: variant { x(own), y } }
        (i32.store (i32.const 0) (call $new (i32.const 10)))
        (i32.store (i32.const 4) (i32.const 1)) (i32.store (i32.const 8) (call $new (i32.const 20)))
        (i32.store (i32.const 12) (i32.const 64)) (i32.store (i32.const 16) (i32.const 2))
        (i32.store (i32.const 64) (call $new (i32.const 30))) (i32.store (i32.const 68) (call $new (i32.const 40)))
        (i32.store (i32.const 20) (i32.const 0)) (i32.store (i32.const 24) (call $new (i32.const 50)))
        (i32.const 0))
      (func (export "get") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "r" (instance (export "new" (func $new))))))
    (export $x "r" (type $r))
    (type $v (variant (case "x" (own $x)) (case "y"))) (export $variant "variant" (type $v))
    (type $rec (record (field "a" (own $x)) (field "b" (option (own $x))) (field "c" (list (own $x))) (field "d" $variant)))
    (export $record "record" (type $rec))
    (func (export "make") (param "n" u32) (result $record)
      (canon lift (core func $i "make") (memory (core memory $i "memory"))))
    (func (export "get") (param "r" (borrow $x)) (result u32) (canon lift (core func $i "get"))))
  (component $user
    (import "maker" (instance $in
      (export "r" (type $x (sub resource)))
      (type $v (variant (case "x" (own $x)) (case "y"))) (export "variant" (type $variant (eq $v)))
      (type $rec (record (field "a" (own $x)) (field "b" (option (own $x))) (field "c" (list (own $x))) (field "d" $variant)))
      (export "record" (type $record (eq $rec)))
      (export "make" (func (param "n" u32) (result $record)))
      (export "get" (func (param "r" (borrow $x)) (result u32)))))
    (core module $libc ${MEMORY}) (core instance $libc (instantiate $libc))
    (core func $make (canon lower (func $in "make")
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core func $get (canon lower (func $in "get")))
    (core module $m (import "l" "memory" (memory 1)) (import "r" "make" (func $make (param i32 i32)))
      (import "r" "get" (func $get (param i32) (result i32)))
      (func (export "run") (result i32) (local i32)
        (call $make (i32.const 0) (i32.const 0))
        (local.set 0 (i32.load (i32.const 12)))
        (i32.add (call $get (i32.load (i32.const 0)))
          (i32.add (call $get (i32.load (i32.const 8)))
            (i32.add (call $get (i32.load (local.get 0)))
              (i32.add (call $get (i32.load (i32.add (local.get 0) (i32.const 4))))
                (call $get (i32.load (i32.const 24)))))))))
    (core instance $i (instantiate $m (with "l" (instance $libc))
      (with "r" (instance (export "make" (func $make)) (export "get" (func $get))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))
  (instance $a (instantiate $maker))
  (instance $b (instantiate $user (with "maker" (instance $a))))
  (export "t:t/maker" (instance $a))
  (export "run" (func $b "run")))`;

/** A component that hands a string on to another one, each with its own memory and encoding, and gives back what that answers. */
export const relay = (outer: string, inner: string): string => `(component
  (core module $libc ${ALLOCATOR})
  (component $inner
    (alias outer 1 $libc (core module $libc)) (core instance $libc (instantiate $libc))
    (core module $m (import "l" "memory" (memory 1))
      (func (export "run") (param i32 i32) (result i32)
        (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1)) (i32.const 8)))
    (core instance $i (instantiate $m (with "l" (instance $libc))))
    (func (export "run") (param "s" string) (result string) (canon lift (core func $i "run") string-encoding=${inner}
      (memory (core memory $libc "memory")) (realloc (core func $libc "cabi_realloc")))))
  (component $outer
    (import "run" (func $run (param "s" string) (result string)))
    (alias outer 1 $libc (core module $libc)) (core instance $libc (instantiate $libc))
    (core func $f (canon lower (func $run) string-encoding=${outer}
      (memory (core memory $libc "memory")) (realloc (core func $libc "cabi_realloc"))))
    (core module $m (import "l" "memory" (memory 1)) (import "h" "run" (func $run (param i32 i32 i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $run (local.get 0) (local.get 1) (i32.const 16)) (i32.const 16)))
    (core instance $i (instantiate $m (with "l" (instance $libc)) (with "h" (instance (export "run" (func $f))))))
    (func (export "run") (param "s" string) (result string) (canon lift (core func $i "run") string-encoding=${outer}
      (memory (core memory $libc "memory")) (realloc (core func $libc "cabi_realloc")))))
  (instance $a (instantiate $inner))
  (instance $b (instantiate $outer (with "run" (func $a "run"))))
  (export "run" (func $b "run")))`;

/** One of each, to be broken. */
export const FIXTURES: readonly string[] = [COUNTERS, HOSTED, ASKING, CHAIN, NESTED, relay("utf16", "latin1+utf16")];
