//! Servers that are found by name: names get addresses, and others later.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use portcullis_tests::ports;

use super::curl;
use super::process::{Portcullis, Setup};

/// An application that says who it is, over one connection for each request. It ends with the test.
fn application(address: SocketAddr, name: &'static str) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", name.len());
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(&[head.as_bytes(), name.as_bytes()].concat());
        }
    });
    Ok(address)
}

/// Whether the proxy's answer becomes this within so many seconds.
fn becomes(proxy: &Portcullis, seconds: u64, status: u16, body: &str) -> bool {
    (0..seconds * 4).any(|_| {
        let answer = curl::get(&proxy.url("/"));
        let found = answer.status == status && (body.is_empty() || answer.body == body);
        if !found {
            std::thread::sleep(Duration::from_millis(250));
        }
        found
    })
}

#[test]
fn servers_move_with_their_names() {
    let may = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("left out: this system gives no process names of its own (unshare)");
        return;
    }
    let one = application(ports::free(), "one").expect("a port");
    let two = SocketAddr::from(([127, 0, 0, 2], one.port()));
    application(two, "two").expect("the same port of another address");
    let setup = Setup { origin: format!("app.test:{}", one.port()), ..Setup::new(one) };
    let proxy = Portcullis::start_with(&setup, &[("hosts", "127.0.0.1 other.test\n")]);
    // The file itself is what the process sees, so that it is written to and not replaced.
    let name = |address: &str| {
        let text = format!("{address} app.test\n");
        std::fs::write(proxy.file("hosts"), text).expect("written");
    };
    assert!(becomes(&proxy, 1, 502, ""), "{}", proxy.said());
    name("127.0.0.1");
    assert!(becomes(&proxy, 10, 200, "one"), "{}", proxy.said());
    name("127.0.0.2");
    assert!(becomes(&proxy, 40, 200, "two"), "{}", proxy.said());
}
