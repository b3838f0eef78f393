/* What the shim can make fail, and how a program arms it. */
#ifndef WS4D_TESTS_SHIM_H
#define WS4D_TESTS_SHIM_H

/* One line each: its number, and its word on the command line. */
#define FAULT_KINDS(X) \
    X(SOCKET, "socket") X(CONNECT, "connect") X(SEND, "send") X(RECV, "recv") X(SETSOCKOPT, "setsockopt") \
    X(EPOLL_CREATE, "epoll_create") X(EPOLL_CTL, "epoll_ctl") X(EVENTFD, "eventfd") X(THREAD, "pthread_create") \
    X(MALLOC, "malloc")

#define FAULT_NUMBER(kind, word) FAULT_##kind,
enum fault_kind { FAULT_KINDS(FAULT_NUMBER) FAULT_COUNT };

/* From now on the n-th call of this kind fails with `error`; with `on` the later ones too. 0: none fails, all are counted. */
typedef void faults_arm_fn(enum fault_kind kind, int n, int on, int error);
/* No call fails any more. Writes how many there were of each kind; returns how many failed. */
typedef int faults_disarm_fn(int counts[FAULT_COUNT]);

#endif
