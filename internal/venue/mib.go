package venue

// Objects of the PowerNet-MIB. Those of the Rack PDU 2G are in tables, and end
// with the row of a unit.
const (
	identEntry  = ".1.3.6.1.4.1.318.1.1.26.2.1."   // rPDU2IdentEntry
	configEntry = ".1.3.6.1.4.1.318.1.1.26.4.1.1." // rPDU2DeviceConfigEntry
	statusEntry = ".1.3.6.1.4.1.318.1.1.26.4.3.1." // rPDU2DeviceStatusEntry
	oldPower    = ".1.3.6.1.4.1.318.1.1.12.1.16.0" // rPDUIdentDevicePowerWatts, of older models, in W
	sysUpTime   = ".1.3.6.1.2.1.1.3.0"             // in hundredths of a second
	clockDate   = ".1.3.6.1.4.1.318.2.1.6.1.0"     // mconfigClockDate
	clockTime   = ".1.3.6.1.4.1.318.2.1.6.2.0"     // mconfigClockTime
)
