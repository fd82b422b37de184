import { parse } from "@bytecodealliance/jco";

/** A command that writes its second argument and its stdin to stdout; without a second argument it ends with an error. */
export function echoCommand(): Promise<Uint8Array> {
  return parse(WAT);
}

const WAT = `(component
  (import "wasi:io/error@0.2.6" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $e))
  (import "wasi:io/streams@0.2.6" (instance $streams
    (export "input-stream" (type $in (sub resource)))
    (export "output-stream" (type $out (sub resource)))
    (alias outer 1 $e (type $outer-error))
    (export "error" (type $er (eq $outer-error)))
    (type $failed (variant (case "last-operation-failed" (own $er)) (case "closed")))
    (export "stream-error" (type $se (eq $failed)))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $in)) (param "len" u64) (result (result (list u8) (error $se)))))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $se)))))))
  (alias export $streams "input-stream" (type $in))
  (alias export $streams "output-stream" (type $out))
  (import "wasi:cli/stdin@0.2.6" (instance $stdin
    (alias outer 1 $in (type $i)) (export "input-stream" (type $i2 (eq $i))) (export "get-stdin" (func (result (own $i2))))))
  (import "wasi:cli/stdout@0.2.6" (instance $stdout
    (alias outer 1 $out (type $o)) (export "output-stream" (type $o2 (eq $o))) (export "get-stdout" (func (result (own $o2))))))
  (import "wasi:cli/environment@0.2.6" (instance $environment
    (export "get-arguments" (func (result (list string))))))
  (core module $libc
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 7)) (i32.const -8)))))
  (core instance $libc (instantiate $libc))
  (core func $arguments (canon lower (func $environment "get-arguments")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $get-stdin (canon lower (func $stdin "get-stdin")))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $read (canon lower (func $streams "[method]input-stream.blocking-read")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $main
    (import "libc" "memory" (memory 2))
    (import "wasi" "arguments" (func $arguments (param i32)))
    (import "wasi" "get-stdin" (func $get-stdin (result i32)))
    (import "wasi" "get-stdout" (func $get-stdout (result i32)))
    (import "wasi" "read" (func $read (param i32 i64 i32)))
    (import "wasi" "write" (func $write (param i32 i32 i32 i32)))
    (func (export "run") (result i32) (local $out i32)
      (local.set $out (call $get-stdout))
      (call $read (call $get-stdin) (i64.const 1000) (i32.const 64))
      (if (i32.eqz (i32.load8_u (i32.const 64))) (then
        (call $write (local.get $out) (i32.load (i32.const 68)) (i32.load (i32.const 72)) (i32.const 96))))
      (call $arguments (i32.const 16))
      (if (i32.lt_u (i32.load (i32.const 20)) (i32.const 2)) (then (return (i32.const 1))))
      (call $write (local.get $out)
        (i32.load offset=8 (i32.load (i32.const 16))) (i32.load offset=12 (i32.load (i32.const 16))) (i32.const 96))
      (i32.const 0)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "wasi" (instance
      (export "arguments" (func $arguments))
      (export "get-stdin" (func $get-stdin))
      (export "get-stdout" (func $get-stdout))
      (export "read" (func $read))
      (export "write" (func $write))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.6" (instance $command)))`;
