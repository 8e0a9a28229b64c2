package mqtt

import (
	"errors"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// Reason is an MQTT 5 reason code; below 0x80 it means success.
type Reason byte

const (
	Success                Reason = 0x00 // also: normal disconnection, granted QoS 0
	DisconnectWithWill     Reason = 0x04
	NoMatchingSubscribers  Reason = 0x10
	NoSubscriptionExisted  Reason = 0x11
	UnspecifiedError       Reason = 0x80
	MalformedPacket        Reason = 0x81
	ProtocolError          Reason = 0x82
	ImplementationError    Reason = 0x83
	UnsupportedVersion     Reason = 0x84
	ClientIDNotValid       Reason = 0x85
	BadUserNameOrPassword  Reason = 0x86
	NotAuthorized          Reason = 0x87
	ServerUnavailable      Reason = 0x88
	ServerBusy             Reason = 0x89
	Banned                 Reason = 0x8A
	ServerShuttingDown     Reason = 0x8B
	BadAuthMethod          Reason = 0x8C
	KeepAliveTimeout       Reason = 0x8D
	SessionTakenOver       Reason = 0x8E
	TopicFilterInvalid     Reason = 0x8F
	TopicNameInvalid       Reason = 0x90
	PacketIDInUse          Reason = 0x91
	PacketIDNotFound       Reason = 0x92
	ReceiveMaximumExceeded Reason = 0x93
	TopicAliasInvalid      Reason = 0x94
	PacketTooLarge         Reason = 0x95
	MessageRateTooHigh     Reason = 0x96
	QuotaExceeded          Reason = 0x97
	AdministrativeAction   Reason = 0x98
	PayloadFormatInvalid   Reason = 0x99
	RetainNotSupported     Reason = 0x9A
	QoSNotSupported        Reason = 0x9B
	SharedNotSupported     Reason = 0x9E
	ConnectionRateExceeded Reason = 0x9F
	MaximumConnectTime     Reason = 0xA0
	SubscriptionIDs        Reason = 0xA1 // subscription identifiers not supported
	WildcardNotSupported   Reason = 0xA2
)

var reasonNames = map[Reason]string{
	Success: "success", DisconnectWithWill: "disconnect with will", NoMatchingSubscribers: "no matching subscribers",
	NoSubscriptionExisted: "no subscription existed", UnspecifiedError: "unspecified error", MalformedPacket: "malformed packet",
	ProtocolError: "protocol error", ImplementationError: "implementation specific error", UnsupportedVersion: "unsupported protocol version",
	ClientIDNotValid: "client identifier not valid", BadUserNameOrPassword: "bad user name or password", NotAuthorized: "not authorized",
	ServerUnavailable: "server unavailable", ServerBusy: "server busy", Banned: "banned", ServerShuttingDown: "server shutting down",
	BadAuthMethod: "bad authentication method", KeepAliveTimeout: "keep alive timeout", SessionTakenOver: "session taken over",
	TopicFilterInvalid: "topic filter invalid", TopicNameInvalid: "topic name invalid", PacketIDInUse: "packet identifier in use",
	PacketIDNotFound: "packet identifier not found", ReceiveMaximumExceeded: "receive maximum exceeded", TopicAliasInvalid: "topic alias invalid",
	PacketTooLarge: "packet too large", MessageRateTooHigh: "message rate too high", QuotaExceeded: "quota exceeded",
	AdministrativeAction: "administrative action", PayloadFormatInvalid: "payload format invalid", RetainNotSupported: "retain not supported",
	QoSNotSupported: "QoS not supported", SharedNotSupported: "shared subscriptions not supported",
	ConnectionRateExceeded: "connection rate exceeded", MaximumConnectTime: "maximum connect time",
	SubscriptionIDs: "subscription identifiers not supported", WildcardNotSupported: "wildcard subscriptions not supported",
}

func (r Reason) String() string {
	if s, ok := reasonNames[r]; ok {
		return s
	}
	return fmt.Sprintf("reason 0x%02X", byte(r))
}

// Failed reports whether the code means failure.
func (r Reason) Failed() bool { return r >= 0x80 }

// Return is the CONNACK return code of MQTT 3.1.1 for a refused connection.
// Source: MQTT 3.1.1, table 3.1.
func (r Reason) Return() byte {
	switch r {
	case Success:
		return 0
	case UnsupportedVersion:
		return 1
	case ClientIDNotValid:
		return 2
	case BadUserNameOrPassword:
		return 4
	case NotAuthorized, Banned, BadAuthMethod:
		return 5
	default:
		return 3 // server unavailable
	}
}

// Error is a packet that breaks the protocol, with the code to tell the sender.
type Error struct {
	Reason Reason
	err    error
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// ReasonOf returns the reason code in err's chain, or UnspecifiedError.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return UnspecifiedError
}

// Errorf returns an error of kind vital.Invalid that carries a reason code.
func Errorf(r Reason, format string, args ...any) error {
	return &Error{Reason: r, err: vital.Errorf(vital.Invalid, format, args...)}
}
