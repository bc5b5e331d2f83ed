package main

import "fmt"

// The OIDs of a PDU's objects, with the names from the PowerNet-MIB. Those in
// tables lack the row: a PDU on its own has row 1, the units of a chain have
// rows 1 to 4.
const (
	rPDU2 = ".1.3.6.1.4.1.318.1.1.26."

	rPDU2IdentFirmwareRev = rPDU2 + "2.1.6"
	rPDU2IdentModelNumber = rPDU2 + "2.1.8"

	rPDU2DeviceStatusPower              = rPDU2 + "4.3.1.5" // hundredths of kW, -1 without a power meter
	rPDU2DeviceStatusPeakPower          = rPDU2 + "4.3.1.6" // same unit
	rPDU2DeviceStatusPeakPowerTimestamp = rPDU2 + "4.3.1.7" // MM/DD/YYYY HH:MM:SS by the PDU's clock, without a zone
	rPDU2DeviceStatusPeakPowerStartTime = rPDU2 + "4.3.1.8" // same format: when the peak was last reset

	// Writing 2 resets the peak. Its neighbor .11 resets the energy meter.
	rPDU2DeviceConfigDevicePeakPowerReset = rPDU2 + "4.1.1.10"

	rPDUIdentDevicePowerWatts = ".1.3.6.1.4.1.318.1.1.12.1.16.0" // W, of models before rPDU2
	mconfigClockDate          = ".1.3.6.1.4.1.318.2.1.6.1.0"     // MM/DD/YYYY
	mconfigClockTime          = ".1.3.6.1.4.1.318.2.1.6.2.0"     // HH:MM:SS
	sysDescr                  = ".1.3.6.1.2.1.1.1.0"
	sysUpTime                 = ".1.3.6.1.2.1.1.3.0" // of the card, hundredths of a second
)

// instance returns the OID of a table's object for one unit.
func instance(object string, unit int) string { return fmt.Sprintf("%s.%d", object, unit) }

// rPDU2Scale is the unit of the powers of rPDU2, in W.
const rPDU2Scale = 10

// pduTime is the layout of the times that a PDU reports.
const pduTime = "01/02/2006 15:04:05"
