<dl>
<?if contact.phone?><dt>Phone</dt><dd><a href="tel:{contact.phone}">{contact.phone}</a></dd><?end?>
<?if contact.email?><dt>E-mail</dt><dd><a href="mailto:{contact.email}">{contact.email}</a></dd><?end?>
<?if contact.address?><dt>Address</dt><dd class="typed" dir="auto">{contact.address}</dd><?end?>
<?if contact.memo?><dt>Memo</dt><dd class="typed" dir="auto">{contact.memo}</dd><?end?>
</dl>
<p class="buttons">
<a href="/contact/{contact.contact}/edit">Change</a>
<a href="/contact/{contact.contact}/delete">Delete …</a>
<a href="/contact/">All contacts</a>
</p>
<div class="bar"><h2>Appointments</h2> <a href="/appointment/new?contact={contact.contact}">New appointment</a></div>
{table}
