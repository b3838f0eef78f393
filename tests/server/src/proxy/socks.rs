//! SOCKS5: RFC 1928 with the password of RFC 1929.

use super::{Session, connect};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// `Some`: from here on bytes are to be carried.
pub(super) async fn serve(session: &mut Session) -> io::Result<Option<TcpStream>> {
    let version = session.stream.read_u8().await?;
    let methods = counted(session).await?;
    if version != 5 {
        return Ok(None);
    }
    let wanted = if session.conduct().password.is_some() { 2 } else { 0 };
    let method = if methods.contains(&wanted) { wanted } else { 0xff };
    if !session.answer(&[5, method]).await? || method == 0xff {
        return Ok(None);
    }
    if let Some((user, password)) = session.conduct().password {
        session.stream.read_u8().await?;
        let told = (counted(session).await?, counted(session).await?);
        session.asked(&format!("{} {} ", String::from_utf8_lossy(&told.0), String::from_utf8_lossy(&told.1)));
        let right = told == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
        if !session.answer(&[1, u8::from(!right)]).await? || !right {
            return Ok(None);
        }
    }
    let mut head = [0; 4];
    session.stream.read_exact(&mut head).await?;
    let (kind, host) = match head[3] {
        1 => {
            let mut bytes = [0; 4];
            session.stream.read_exact(&mut bytes).await?;
            ("address", Ipv4Addr::from(bytes).to_string())
        }
        4 => {
            let mut bytes = [0; 16];
            session.stream.read_exact(&mut bytes).await?;
            ("address", SocketAddr::from((Ipv6Addr::from(bytes), 0)).ip().to_string())
        }
        _ => ("name", String::from_utf8_lossy(&counted(session).await?).into_owned()),
    };
    let port = session.stream.read_u16().await?;
    session.asked(&format!("{kind} {host}:{port}"));
    match connect(port).await {
        Ok(target) => {
            let goes_on = session.answer(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await?;
            Ok(goes_on.then_some(target))
        }
        Err(_) => {
            session.answer(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
            Ok(None)
        }
    }
}

/// A length, then so many bytes.
async fn counted(session: &mut Session) -> io::Result<Vec<u8>> {
    let len = session.stream.read_u8().await?;
    let mut bytes = vec![0; len.into()];
    session.stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
