<extend>page
<?title?>{title}
<?body?>
{fields.summary}
<form method="post" action="{action}">
<!-- Enter in a field presses the first button of a form, seen or not. It is to be this one, whatever a field brings along. -->
<button type="submit" hidden>Save</button>
{fields.rows}
<p class="buttons">
<button type="submit">Save</button>
<a href="{cancel}">Cancel</a>
<?if delete?><a href="{delete}">Delete …</a><?end?>
</p>
</form>
</extend>
