<blockquote class="typed" dir="auto">{record}</blockquote>
<?if kept?>
<p>Appointments with this contact: {kept:num}. They stay in the datebook, but will no longer say with whom.</p>
<?end?>
<form method="post" action="{action}">
{form_id}
<p class="buttons">
<button type="submit" class="danger">Delete it</button>
<a href="{cancel}">Keep it</a>
</p>
</form>
