use super::*;

fn text(wire: &Wire) -> String {
    wire.iter().map(|chunk| String::from_utf8_lossy(chunk.rest()).into_owned()).collect()
}

fn push(queue: &mut OutQueue, text: &str) {
    let chunk = queue.tail().unwrap();
    chunk.bytes.extend_from_slice(text.as_bytes());
    chunk.charge += 1;
    queue.buffered += 1;
}

fn fill(queue: &mut OutQueue, ticket: u64, texts: &[&str]) {
    for (n, text) in texts.iter().enumerate() {
        queue.add(ticket, Chunk::new(text.as_bytes().to_vec(), 1), n + 1 == texts.len()).unwrap();
    }
}

#[test]
fn a_message_that_is_still_encoded_keeps_its_place() {
    let mut queue = OutQueue::default();
    push(&mut queue, "a");
    let large = queue.reserve(2).unwrap();
    push(&mut queue, "z");
    let wire = queue.take_wire(false);
    assert_eq!(text(&wire), "a");
    queue.put_back(wire, 1);
    fill(&mut queue, large, &["L1", "L2"]);
    let wire = queue.take_wire(false);
    assert_eq!(text(&wire), "L1L2z");
    queue.put_back(wire, 5);
    assert_eq!(queue.buffered(), 0);
    assert!(queue.take_wire(false).is_empty() && queue.is_empty());
}

#[test]
fn control_frames_leave_at_the_next_frame_boundary() {
    let mut queue = OutQueue::default();
    let large = queue.reserve(2).unwrap();
    fill(&mut queue, large, &["1111", "2222"]);
    let wire = queue.take_wire(false);
    queue.put_back(wire, 2);
    queue.push_control(b"P", 0).unwrap();
    queue.push_late_pong(b"old".to_vec());
    queue.push_late_pong(b"new".to_vec());
    let wire = queue.take_wire(false);
    assert_eq!(text(&wire), "11Pnew2222");
    queue.put_back(wire, 0);
}

#[test]
fn a_cork_holds_messages_but_no_control_frames() {
    let mut queue = OutQueue::default();
    push(&mut queue, "a");
    queue.push_control(b"P", 0).unwrap();
    let wire = queue.take_wire(true);
    assert_eq!(text(&wire), "P");
    queue.put_back(wire, 1);
    assert_eq!(text(&queue.take_wire(false)), "a");
}

#[test]
fn dropping_finishes_the_frame_that_has_begun() {
    let mut queue = OutQueue::default();
    let large = queue.reserve(3).unwrap();
    fill(&mut queue, large, &["1111", "2222", "3333"]);
    let wire = queue.take_wire(false);
    queue.put_back(wire, 1);
    let stale = queue.reserve(7).unwrap();
    queue.drop_unsent();
    queue.push_close(b"C".to_vec());
    fill(&mut queue, stale, &["late"]);
    let wire = queue.take_wire(false);
    assert_eq!(text(&wire), "111C");
    assert!(queue.put_back(wire, 4));
    assert_eq!(queue.buffered(), 0);
}

#[test]
fn a_message_that_could_not_be_encoded_gives_its_place_up() {
    let mut queue = OutQueue::default();
    let lost = queue.reserve(9).unwrap();
    push(&mut queue, "b");
    queue.add(lost, Chunk::new(b"half".to_vec(), 4), false).unwrap();
    assert!(queue.give_up(lost, 9));
    assert_eq!(queue.buffered(), 1);
    assert_eq!(text(&queue.take_wire(false)), "b");
}

#[test]
fn a_message_leaves_frame_by_frame_and_what_comes_behind_it_waits() {
    let mut queue = OutQueue::default();
    let large = queue.reserve(2).unwrap();
    push(&mut queue, "z");
    queue.add(large, Chunk::new(b"L1".to_vec(), 1), false).unwrap();
    let wire = queue.take_wire(false);
    assert_eq!(text(&wire), "L1");
    queue.put_back(wire, 2);
    assert_eq!(queue.buffered(), 2);
    assert!(!queue.is_empty() && queue.take_wire(false).is_empty());
    queue.push_control(b"P", 0).unwrap();
    queue.add(large, Chunk::new(b"L2".to_vec(), 1), true).unwrap();
    let wire = queue.take_wire(false);
    assert_eq!(text(&wire), "PL2z");
    queue.put_back(wire, 4);
    assert_eq!(queue.buffered(), 0);
}

#[test]
fn a_message_that_has_begun_to_leave_is_not_taken_back() {
    let mut queue = OutQueue::default();
    let large = queue.reserve(2).unwrap();
    queue.add(large, Chunk::new(b"L1".to_vec(), 1), false).unwrap();
    let wire = queue.take_wire(false);
    queue.put_back(wire, 2);
    assert!(!queue.give_up(large, 2));
}

#[test]
fn of_a_place_of_several_messages_those_that_are_there_leave_and_the_rest_is_given_up() {
    let mut queue = OutQueue::default();
    let (some, none) = (queue.reserve(5).unwrap(), queue.reserve(7).unwrap());
    queue.add(some, Chunk::new(b"ab".to_vec(), 2), false).unwrap();
    queue.cut(some, 3);
    assert!(queue.give_up(none, 7));
    push(&mut queue, "c");
    let wire = queue.take_wire(false);
    assert_eq!(text(&wire), "abc");
    queue.put_back(wire, 3);
    assert_eq!((queue.buffered(), queue.is_empty()), (0, true));
}
