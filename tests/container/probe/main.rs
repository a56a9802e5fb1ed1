//! Tries what a program must not be able to do where Portcullis runs, and says how each attempt ended: `0`, or the error's number.
//!
//!     probe call NUMBER[,ARGUMENT...]...   system calls; arguments that are not given are -1
//!     probe write PATH...                  new files
//!     probe fill DIRECTORY                 a file until there is no room; the bytes before that
//!     probe run PROGRAM...                 other programs

use std::io::Write;

unsafe extern "C" {
    fn syscall(number: i64, ...) -> i64;
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (what, which) = arguments.split_first().expect("what to try");
    for it in which {
        let outcome = match what.as_str() {
            "call" => call(it),
            "write" => number(std::fs::File::create(it)),
            "fill" => fill(it),
            "run" => number(std::process::Command::new(it).status()),
            _ => panic!("{what}"),
        };
        println!("{it} {outcome}");
    }
}

fn call(text: &str) -> i64 {
    let mut words = text.split(',').map(|it| it.parse::<i64>().expect("a number"));
    let number = words.next().expect("a number");
    let mut argument = || words.next().unwrap_or(-1);
    let (a, b, c, d, e, f) = (argument(), argument(), argument(), argument(), argument(), argument());
    // SAFETY: what is asked for are calls that the filter refuses before the kernel looks at an argument. One that it lets through fails on
    // -1 as address or descriptor, or the test fails, and this process ends either way.
    let result = unsafe { syscall(number, a, b, c, d, e, f) };
    if result < 0 { i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(-1)) } else { 0 }
}

fn fill(directory: &str) -> i64 {
    let mut file = std::fs::File::create(format!("{directory}/full")).expect("a file");
    let (block, mut written) = ([1; 65536], 0);
    while let Ok(bytes) = file.write(&block) {
        written += i64::try_from(bytes).expect("small");
    }
    written
}

fn number<T>(result: std::io::Result<T>) -> i64 {
    result.map_or_else(|error| i64::from(error.raw_os_error().unwrap_or(-1)), |_| 0)
}
