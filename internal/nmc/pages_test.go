package nmc

// These pages have the layouts that the configuration of a device may have.

const languageForm = `<FORM name=langForm ACTION="/NMC/k+3-x/Forms/lang" METHOD=POST>
<select name=lang onchange="submit()">
<option value=01000000 selected="true">English<option value=02000000>Fran&ccedil;ais</select></FORM>`

const checkboxPage = `<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN"><html><head><TITLE>Rack PDU
 Configuration</title><meta http-equiv=Content-Type content="text/html; charset=iso-8859-1">
<script type="text/javascript"><!--
document.write("<form action=evil><input name=evil value=1>");
//--></script><style>td > p { color: red }</style></head><body>
<table border=0><tr><td>` + languageForm + `<td><A HREF="/NMC/k+3-x/logout.htm?a=1&copy=2">Log&nbsp;Off</a></tr></table>
<!-- <form action=old><input name=old> --><table width=100%><tr><td>
<form NAME=cfg ACTION="/NMC/k+3-x/Forms/dev1" Method=Post>
<input type=hidden name=formtoken value="a&amp;b">
<table><tr><td>Name:<td><input name=devName value="K` + "\xfc" + `che 1" maxlength=31>
<tr><td>Near Overload<td><INPUT TYPE=text NAME=near VALUE=80> %
<tr><td>Cold Start Delay<td><select name=cold><option value=0>Never<option value=1 selected>Immediate</select>
<tr><td>Peak Power<td><input type=checkbox name=pk value=1> Reset<br>(last reset 05/18/2018 08:00:00)
<tr><td>Energy<td><input type=checkbox name=en> Reset (last reset 05/18/2018 08:00:00)
<tr><td colspan=2><input type=submit name=submit value=Apply> <input type=submit name=submit value=Cancel>
</table></form></table></body></html>`

const selectPage = `<title>Device</title>` + languageForm + `
<form name=f2 action=dev method="post"><div><table class=t>
<tr><th>Peak Power Reset<td><select name="pkReset"><option value="0">No<option value="1">Yes</select>
    <tr><th>Last reset</th><td>05/18/2018</td></tr>
<tr><th><label for=e>Energy Reset (kWh)</label>
<td><select id=e name=enReset><option>No</option><option>Yes</option></select>
</table><button name=go value=apply>Apply <b>now</b></button><button type=reset>Undo</button></div></form>`

const radioPage = `<form method=post action=/x/set><table><tr><td>Peak Load (last reset 05/18/2018)
<td><input type=radio name=p value=0 checked>No<br><input type=radio name=p value=1>Yes</td>
<tr><td>Energy<td><label><input type=radio name=e value=0 checked> No</label>
<label><input type=radio name=e value=1> Yes</label>
</table><input type=image name=img alt=Apply><input type=submit value=Apply></form>`

const divPage = `<div class=menu><a href=a.htm>Peak</a></div>` + languageForm + `
<form method=post action=d><fieldset><legend>Device</legend>
<div class=row><div class=name>Peak Power</div>
<div class=val><input type=checkbox name=a id=a> <label for=a>Reset</label><br>
(last reset 05/18/2018)</div></div>
<div class=row><div class=name>Energy</div>
<div class=val><input type=checkbox name=b> Reset (last reset 05/18/2018)</div></div>
</fieldset><dl><dt>Location<dd><div><input name=loc value=""></div><dt>Contact<dd><textarea name=who>
A
B</textarea></dl><p><input type=submit value=Apply></form>`

// apply ends the form of most pages in the tables.
const apply = `<input type=submit name=submit value=Apply>`

// energyRow is a row with the device's other reset.
const energyRow = `<tr><td>Energy<td>35.1 kWh <input type=checkbox name=en> Reset`

const energyBlock = `<div><div>Energy</div><div>35.1 kWh <input type=checkbox name=en> Reset</div></div>`
